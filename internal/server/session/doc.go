// Package session keeps who is signed in to the dashboard: sessions that a
// cookie names, and one-time links that begin one. Both live in the memory of
// this process and end with it; of their tokens only hashes are kept.
//
// A session holds no rights of its own: it names an API key by its hash, and
// whoever serves a request looks that key up again. So a removed key ends its
// sessions, and a session never outlasts a change of rights.
package session
