package receive_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/receive"
	"github.com/alma-events/alma/wire"
)

func Example() {
	h, err := receive.New(receive.Config{
		Secrets: []string{"your-secret-key"},
		Handle: func(_ context.Context, e alma.Event) error {
			fmt.Println(e.Type, e.MemoryID)
			return nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := httptest.NewServer(h)
	defer srv.Close()

	body := []byte(`{"event_type":"CREATED","memory_id":"mem_1","event_id":"evt_1","data":{}}`)
	fmt.Println(post(srv.URL, body, wire.SignAlma("your-secret-key", body)))
	fmt.Println(post(srv.URL, body, wire.SignAlma("your-secret-key", body))) // A repeat is not handled again.
	fmt.Println(post(srv.URL, body, wire.SignAlma("a guess", body)))
	// Output:
	// CREATED mem_1
	// 204 No Content
	// 204 No Content
	// 401 Unauthorized
}

// Verification alone, before a handler of one's own.
func ExampleNewMiddleware() {
	verify, err := receive.NewMiddleware(receive.Config{Secrets: []string{"your-secret-key"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv := httptest.NewServer(verify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println("verified:", string(body))
	})))
	defer srv.Close()

	body := []byte(`{"a":1}`)
	fmt.Println(post(srv.URL, body, "sha256=1461cc79254b3283a481c081ebfd6064a4aca96fd7dec2560fab32872b707f80"))
	// Output:
	// verified: {"a":1}
	// 200 OK
}

func post(url string, body []byte, signature string) string {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header.Set(wire.HeaderSignature, signature)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close() // The status counts.
	return resp.Status
}
