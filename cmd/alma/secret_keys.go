package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/alma-events/alma/internal/secret"
)

// sealing says where the keys are that seal secrets in the database. It holds
// for every command that opens one.
type sealing struct {
	SecretKey       string `name:"secret-key" hidden:"" env:"ALMA_SECRET_KEY"`
	SecretKeyFormer string `name:"secret-key-former" hidden:"" env:"ALMA_SECRET_KEY_FORMER"`
	SecretKeyFile   string `name:"secret-key-file" help:"Seal secrets in the database under the key in this file; further lines hold former keys. (ALMA_SECRET_KEY holds a key itself; default for SQLite: DATABASE.secret-key, made when it is missing)" env:"ALMA_SECRET_KEY_FILE" placeholder:"FILE"`
}

// refuseKeysInArguments refuses keys on the command line, which other users of
// the machine can see and shells remember. Variables and the config file hold
// them under the same names.
func refuseKeysInArguments(kctx *kong.Context) error {
	for _, p := range kctx.Path {
		if p.Flag != nil && !p.Resolved && strings.HasPrefix(p.Flag.Name, "secret-key") && p.Flag.Hidden {
			return usagef("--%s would show the key to other users of this machine: put it into the variable %s, into the config file, or into a file for --secret-key-file", p.Flag.Name, p.Flag.Envs[0])
		}
	}
	return nil
}

// secretKeys are the keys for a database.
type secretKeys struct {
	list [][]byte // The current one first.
	file string   // Where they are kept, if it is a file.
	made bool     // The file was made just now.
}

var errNoSecretKey = errors.New("a PostgreSQL database needs the key that seals the secrets in it: set ALMA_SECRET_KEY, on every server to the same, or name a file with --secret-key-file; make a key with: openssl rand -base64 32; and keep a copy of it, for without it the secrets are lost")

// keys finds the keys for a database. It makes one for an SQLite file that has
// none yet.
func (s *sealing) keys(db string) (secretKeys, error) {
	former, err := parseKeys(splitKeys(s.SecretKeyFormer, ","), "ALMA_SECRET_KEY_FORMER")
	if err != nil {
		return secretKeys{}, err
	}
	var found secretKeys
	switch {
	case s.SecretKey != "" && s.SecretKeyFile != "":
		return secretKeys{}, usagef("both ALMA_SECRET_KEY and --secret-key-file (ALMA_SECRET_KEY_FILE) are given; want one of the two")
	case s.SecretKey != "":
		found.list, err = parseKeys([]string{s.SecretKey}, "ALMA_SECRET_KEY")
	case s.SecretKeyFile != "":
		found, err = readKeys(s.SecretKeyFile)
	case isPostgres(db):
		err = errNoSecretKey
	default:
		found, err = keysBeside(db)
	}
	found.list = append(found.list, former...)
	return found, err
}

// keysBeside reads the file beside an SQLite database, or makes it. It is
// written before anything is sealed under its key.
func keysBeside(db string) (secretKeys, error) {
	name := db + ".secret-key"
	found, err := readKeys(name)
	if !errors.Is(err, os.ErrNotExist) {
		return found, err
	}
	found = secretKeys{list: [][]byte{secret.NewKey()}, file: name, made: true}
	err = makePrivate(name, found.text())
	if errors.Is(err, os.ErrExist) { // Another server that starts now was quicker.
		return readKeys(name)
	}
	return found, err
}

func readKeys(name string) (secretKeys, error) {
	text, err := os.ReadFile(name) //nolint:gosec // The operator names it.
	if err != nil {
		return secretKeys{}, fmt.Errorf("cannot read the key of the secrets: %w", err)
	}
	list, err := parseKeys(splitKeys(string(text), "\n"), name)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s holds no key; restore it from where you keep a copy", name)
	}
	return secretKeys{list: list, file: name}, err
}

// text is what the file holds: a key a line.
func (k *secretKeys) text() string {
	var text strings.Builder
	for _, key := range k.list {
		text.WriteString(secret.FormatKey(key) + "\n")
	}
	return text.String()
}

// write replaces the file.
func (k *secretKeys) write() error { return writePrivate(k.file, k.text()) }

// unchanged fails when somebody else has written the file meanwhile. The
// variables may have added keys behind those of the file.
func (k *secretKeys) unchanged() error {
	now, err := readKeys(k.file)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(k.text(), now.text()) {
		return fmt.Errorf("%s was changed meanwhile, perhaps by the same command; nothing is lost: run it again", k.file)
	}
	return nil
}

func splitKeys(text, separator string) (list []string) {
	for part := range strings.SplitSeq(text, separator) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// parseKeys reads keys; its errors name where they stand, and not what.
func parseKeys(texts []string, place string) ([][]byte, error) {
	list := make([][]byte, 0, len(texts))
	for _, text := range texts {
		key, err := secret.ParseKey(text)
		if err != nil {
			return nil, usagef("%s: %v", place, err)
		}
		list = append(list, key)
	}
	return list, nil
}

// undo removes a file that was made for a database whose key is another one.
// Nothing can have been sealed under the key in it.
func (k *secretKeys) undo(cause error) error {
	if !k.made || !errors.Is(cause, secret.ErrNoKey) {
		return cause
	}
	cause = fmt.Errorf("%w; that key was kept in %s as a rule, and the file is missing: restore it from where you keep a copy", cause, k.file)
	return errors.Join(cause, os.Remove(k.file))
}
