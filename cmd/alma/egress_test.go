package main

import (
	"strings"
	"testing"
)

// What is wrong with the egress settings is said without the URL, which may
// hold a password.
func TestEgressSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--egress-proxy", "socks5://alma:s3cret@proxy.example:1080"}, "--egress-proxy: want http://host:port or https://host:port"},
		{[]string{"--egress-proxy", "http://alma:s3cret@%zz"}, "--egress-proxy cannot be parsed; want http://host:port"},
		{[]string{"--egress-proxy-dns"}, "--egress-proxy-dns says what the proxy does, but there is none"},
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--db", t.TempDir() + "/alma.db"}, c.args...)
		code, _, errs := command(t, "", args...)
		if code != exitUsage || !strings.Contains(errs, c.want) || strings.Contains(errs, "s3cret") {
			t.Errorf("%v: exit %d, want %d and %q\n%s", c.args, code, exitUsage, c.want, errs)
		}
	}
}
