package send

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/alma-events/alma"
)

// With TLS 1.3, a listener that wants a client certificate and gets none says so
// after the handshake, in an alert. The request is on its way by then, and who
// writes to a connection that the listener has closed may hear that it is broken
// before the alert is read. So the alert is asked for once more, by a connection
// on which nothing is sent.

// alertPatience is how long an alert is waited for. It stands in front of
// everything else that such a listener sends.
const alertPatience = time.Second

// answerNone has a handshake answer with no certificate, and notes the host that
// asked for one.
func (d *dialer) answerNone(cfg *tls.Config, host string) {
	if len(cfg.Certificates) > 0 {
		return
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.wanting == nil {
			d.wanting = map[string]bool{}
		}
		d.wanting[host] = true
		return &tls.Certificate{}, nil
	}
}

// wants reports whether a host has asked for a client certificate in vain.
func (d *dialer) wants(host string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wanting[host]
}

// alert returns the alert with which a listener ends a connection by itself; nil
// when there is none.
func (d *dialer) alert(ctx context.Context, t *target) error {
	ctx, cancel := context.WithTimeout(ctx, alertPatience)
	defer cancel()
	c, err := d.tcp(ctx, "tcp", t.addr)
	if err != nil {
		return nil // That is another matter.
	}
	secure, err := d.handshake(ctx, c, t.host)
	if err == nil {
		defer secure.Close() // Nothing was sent.
		err = secure.SetReadDeadline(time.Now().Add(alertPatience))
	}
	if err == nil {
		_, err = secure.Read(make([]byte, 1))
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return err
	}
	return nil
}

// explained replaces a failure that says no more than that the connection broke.
func (x *exchange) explained(ctx context.Context, side *side, t *target, res Result) Result {
	if res.Reason != alma.ReasonConnect || x.answered.Load() || !side.wants(t.host) {
		return res
	}
	if alert := side.alert(ctx, t); alert != nil {
		return x.failure(ctx, alert)
	}
	return res
}
