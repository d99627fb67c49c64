package secret

import "fmt"

// proofText is what a proof holds; that it opens is what counts.
const proofText = "alma"

// proofTable names proofs in their context.
const proofTable = "alma_secret_keys"

// Proof returns the id of the current key and a text sealed under it, to be
// kept beside what Seal makes. A store that holds it knows the key again, even
// before it holds any secret. ok is false for a nil keyring.
func (r *Keyring) Proof() (id string, proof []byte, ok bool) {
	current, ok := r.Current()
	if !ok {
		return "", nil, false
	}
	id = current.String()
	return id, r.Seal([]byte(proofText), Row(proofTable, id)), true
}

// CheckProof fails with ErrNoKey, in words for the operator, unless the keyring
// holds the key of a proof.
func (r *Keyring) CheckProof(id string, proof []byte) error {
	text, err := r.Open(proof, Row(proofTable, id))
	if err == nil && string(text) == proofText {
		return nil
	}
	const remedy = "give that key as ALMA_SECRET_KEY, or as ALMA_SECRET_KEY_FORMER while a new one replaces it (in the library: Options.SecretKeys)"
	because := silent{ErrNoKey} // The words say it better.
	if r == nil {
		return fmt.Errorf("the secrets in it are sealed, and no key was given; their key has the id %s; %s%w", id, remedy, because)
	}
	return fmt.Errorf("the secrets in it are sealed under a key with the id %s, and the key given is another one (%s); %s%w", id, r.keys[0].id, remedy, because)
}

// silent is an error to be recognised, that adds no words.
type silent struct{ error }

func (silent) Error() string   { return "" }
func (s silent) Unwrap() error { return s.error }
