// Command librarywebhooks announces loans and letters as the library platform
// Ex Libris Alma does, to a listener that was written for that.
//
//	go run ./examples/librarywebhooks
package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/exlibris"
	"github.com/alma-events/alma/storage/sqlite"
	"github.com/alma-events/alma/webhook"
	"github.com/alma-events/alma/wire"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

const secret = "your-secret-key"

// settings want all loans, and of the letters one.
func settings(url string) alma.WebhookConfig {
	return alma.WebhookConfig{
		URL: url, Format: alma.FormatExlibris, Secret: secret,
		Events: []alma.EventType{"LOAN", "NOTIFICATION"}, // Actions stand for all of their events.
		Filter: `event.event_type != "NOTIFICATION" || event.data.general_data.letter_type == "FulPlaceOnHoldShelfLetter"`,
		// Tell people when a delivery has failed four times.
		Contacts: []string{"library-it@example.com"},
	}
}

func run(ctx context.Context, out io.Writer) error {
	arrived := make(chan string, 2)
	server := httptest.NewTLSServer(listener(arrived)) // Another service, in life. It must be https.
	defer server.Close()
	authority := x509.NewCertPool()
	authority.AddCert(server.Certificate())

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	manager, err := webhook.New(webhook.Config{
		Storage: db, Emitter: events.New(events.Config{}), RootCAs: authority,
		AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		return err
	}
	if err := manager.Start(ctx); err != nil {
		return err
	}
	defer manager.Shutdown(context.WithoutCancel(ctx))
	w, err := manager.Add(ctx, settings(server.URL))
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "the webhook is "+string(w.State)) // Or pending_activation; then w.StateReason says why.
	return announce(ctx, out, manager, arrived)
}

// announce appends events one after another, and waits for what the listener
// gets of them.
func announce(ctx context.Context, out io.Writer, manager *webhook.Manager, arrived <-chan string) error {
	library := exlibris.Institution{Value: "01EXAMPLE_INST", Desc: "Example University"}
	for _, record := range []struct {
		event   alma.EventType
		payload exlibris.Payload
		wanted  bool
	}{
		{exlibris.LoanCreated, exlibris.Loan{LoanID: "6900000000000001", UserID: "jsample", Title: "On shelves"}, true},
		{exlibris.NotificationSent, letter(exlibris.LetterCancelRequest), false},
		{exlibris.NotificationSent, letter(exlibris.LetterPlaceOnHoldShelf), true},
	} {
		e, err := exlibris.New(record.event, library, record.payload)
		if err != nil {
			return err
		}
		if _, err := manager.Append(ctx, e); err != nil {
			return err
		}
		if !record.wanted {
			continue
		}
		select {
		case line := <-arrived:
			fmt.Fprintln(out, line)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func letter(code string) exlibris.Notification {
	return exlibris.Notification{
		GeneralData: exlibris.GeneralData{LetterType: code},
		Receiver:    exlibris.User{PrimaryID: "jsample"},
	}
}

// listener does by hand what a listener of this format has to do: answer the
// challenge, and verify the raw body.
func listener(arrived chan<- string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprintf(w, `{"challenge":%q}`, r.URL.Query().Get("challenge"))
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
		if err != nil {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := wire.VerifyExlibris(secret, body, r.Header.Get(wire.HeaderExlibrisSignature)); err != nil {
			http.Error(w, "the signature is missing or wrong", http.StatusUnauthorized)
			return
		}
		line, err := read(r.Header, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		arrived <- line
	}
}

// read says what a body announces.
func read(header http.Header, body []byte) (string, error) {
	format, _ := wire.Lookup(alma.FormatExlibris)
	got, err := format.Decode(header, body)
	if err != nil {
		return "", err
	}
	e := got[0]
	if loan, err := exlibris.Decode[exlibris.Loan](e); err == nil {
		return fmt.Sprintf("%s: %s has borrowed %q", e.Type, loan.UserID, loan.Title), nil
	}
	sent, err := exlibris.Decode[exlibris.Notification](e)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s to %s", e.Type, sent.GeneralData.LetterType, sent.Receiver.PrimaryID), nil
}
