// Command livedashboard shows memories in the browser as they are saved.
//
// It answers "Real-time Dashboard" of the guide, with server-sent events,
// which every browser understands without a library. The program saves a
// memory every two seconds, so that there is something to see.
//
//	go run ./examples/livedashboard
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/events"
	"github.com/alma-events/alma/memory"
	"github.com/alma-events/alma/storage/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, "127.0.0.1:8090", 2*time.Second)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// run serves on an address until ctx ends, and saves a memory at each interval.
func run(ctx context.Context, out io.Writer, address string, every time.Duration) error {
	dash := newDashboard()
	emitter := events.New(events.Config{})
	emitter.Subscribe(alma.Created, dash.broadcast, events.Named("dashboard"))

	db, err := sqlite.OpenMemory(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := memory.New(memory.Config{Storage: db, Emitter: emitter})
	if err != nil {
		return err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: dash, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	fmt.Fprintf(out, "Open http://%s/ in a browser; Ctrl-C ends.\n", socket.Addr())

	err = saveSome(ctx, store, every)
	dash.close()
	err = errors.Join(err, server.Shutdown(context.WithoutCancel(ctx)))
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// saveSome saves a memory at each interval until ctx ends.
func saveSome(ctx context.Context, store *memory.Store, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		_, err := store.Save(ctx, alma.Outcome{
			Agent: "qa_tester", TaskDescription: fmt.Sprintf("Tested <form> no. %d", n), Success: n%3 > 0,
		})
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}
