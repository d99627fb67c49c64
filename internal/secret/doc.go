// Package secret keeps secrets unreadable for whoever gets hold of the place
// where they are stored.
//
// A [Keyring] seals texts under its current key (AES-256-GCM) and opens what
// was sealed under any of its keys. What it makes is an envelope:
//
//	1 | the text                                             in the clear
//	2 | key id (8 bytes) | nonce (12) | ciphertext and tag    sealed
//
// The context of a text, which names the row it belongs to, is sealed with it:
// an envelope that was moved to another row does not open there.
//
// Errors of this package never hold a key or a text.
package secret
