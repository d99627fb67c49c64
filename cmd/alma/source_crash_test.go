package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alma-events/alma/almatest"
)

// postLoan calls a source as Ex Libris Alma does, and returns the status, 0
// when there was no answer.
func postLoan(p *process, secret string, number int) int {
	body := fmt.Sprintf(`{"id":"7","action":"LOAN","institution":{"value":"01MYLIB","desc":null},"time":"2026-01-28T12:00:00.123Z","event":{"value":"LOAN_CREATED","desc":"Loan created"},"item_loan":{"loan_id":"loan-%d"}}`, number)
	req, err := http.NewRequest(http.MethodPost, p.url+"/in/library", strings.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return 0
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	req.Header.Set("X-Exl-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

// TestASourceKilledInTheMiddle kills the server while a platform calls it, and
// then lets the platform repeat all of its calls: what was committed before an
// answer was lost is recognised, and nothing that was answered is missing.
func TestASourceKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	const calls, beforeKill = 400, 100
	db := filepath.Join(t.TempDir(), "alma.db")
	listener := almatest.NewListener(t, almatest.WithSecret("listener-secret"))
	p := serve(t, db)
	p.must(201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":"listener-secret"}`, listener.URL()))
	p.must(201, "POST", "/v1/sources", `{"name":"library","format":"exlibris","secret":"platform-secret"}`)

	var answered atomic.Int64
	kill := make(chan struct{})
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := s; i < calls; i += 8 {
				if postLoan(p, "platform-secret", i) == http.StatusOK && answered.Add(1) == beforeKill {
					close(kill)
				}
			}
		})
	}
	<-kill
	p.kill()
	senders.Wait()
	if answered.Load() == calls {
		t.Log("every call was answered before the kill")
	}

	again := serve(t, db)
	for i := range calls {
		if status := postLoan(again, "platform-secret", i); status != http.StatusOK {
			t.Fatalf("the repeat of call %d was answered %d\n%s", i, status, again.errs)
		}
	}
	loans := map[string]int{}
	for after := ""; ; {
		var page struct {
			Items []struct {
				MemoryID string `json:"memory_id"`
			} `json:"items"`
			Next *string `json:"next"`
		}
		if err := json.Unmarshal(again.must(200, "GET", "/v1/events?limit=200&after="+after, ""), &page); err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			loans[e.MemoryID]++
		}
		if page.Next == nil {
			break
		}
		after = *page.Next
	}
	for i := range calls {
		if n := loans[fmt.Sprintf("loan-%d", i)]; n != 1 {
			t.Errorf("the log holds call %d %d times", i, n)
		}
	}
	listener.WaitEvents(t.Context(), calls)
}
