package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

// ways are the paths under which the listener serves its three ways.
var ways = []string{"/receive", "/wire", "/by-hand"}

// took is told of every verified event.
type took func(way string, ev *alma.Event)

func newMux(secret string, take took) (*http.ServeMux, error) {
	handler, err := receive.New(receive.Config{
		Secrets: []string{secret},
		Handle: func(_ context.Context, ev alma.Event) error {
			take("/receive", &ev)
			return nil
		},
		Logger: slog.New(slog.DiscardHandler), // It would tell of forgeries.
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/receive", handler)
	mux.Handle("POST /wire", withWire(secret, take))
	mux.Handle("POST /by-hand", byHand(secret, take))
	return mux, nil
}

// withWire leaves signature and form to package wire. Unlike package receive
// it drops no repeats.
func withWire(secret string, take took) http.HandlerFunc {
	format, _ := wire.Lookup(alma.FormatAlma)
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
		if err != nil {
			http.Error(w, "the body is too large, or broke off", http.StatusBadRequest)
			return
		}
		if err := format.Verify(r.Header, body, []string{secret}, time.Now()); err != nil {
			http.Error(w, "the signature does not hold", http.StatusUnauthorized)
			return
		}
		list, err := format.Decode(r.Header, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for i := range list {
			take("/wire", &list[i])
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// byHand needs nothing of Alma but the names of the members.
func byHand(secret string, take took) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
		if err != nil {
			http.Error(w, "the body is too large, or broke off", http.StatusBadRequest)
			return
		}
		// First the signature over the raw bytes, then the JSON in them.
		if !verifySignature(body, r.Header.Get("X-ALMA-Signature"), secret) {
			http.Error(w, "the signature does not hold", http.StatusUnauthorized)
			return
		}
		var ev alma.Event // Or a struct of your own.
		if err := json.Unmarshal(body, &ev); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		take("/by-hand", &ev)
		w.WriteHeader(http.StatusNoContent)
	}
}

// verifySignature checks the header X-ALMA-Signature of a delivery against the
// raw bytes of its body.
func verifySignature(body []byte, signature, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	want := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(signature), []byte(want)) // In constant time.
}
