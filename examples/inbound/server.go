package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/alma-events/alma"
)

// server is `alma serve` as a process of its own, on a database that is removed
// in the end.
type server struct {
	cmd    *exec.Cmd
	folder string
	url    string
	key    string
}

func startServer(ctx context.Context) (_ *server, err error) {
	s := &server{key: alma.NewSecret()}
	if s.folder, err = os.MkdirTemp("", "alma-inbound-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	program := filepath.Join(s.folder, "alma.exe") // Any name does, but on Windows.
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/alma-events/alma/cmd/alma").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build alma: %w\n%s", err, out)
	}
	s.cmd = exec.CommandContext(ctx, program, "serve", "--db", filepath.Join(s.folder, "alma.db"), "--listen", "127.0.0.1:0",
		"--allow-cidr", "127.0.0.0/8", "--log-level", "error")
	s.cmd.Env = append(os.Environ(), "ALMA_API_KEY="+s.key)
	s.cmd.Stderr = os.Stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.url, err = readAddress(stdout)
	return s, err
}

// readAddress waits until the server says where it serves.
func readAddress(stdout io.Reader) (string, error) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving on "); ok {
			address, _, _ := strings.Cut(rest, ",")
			return address, nil
		}
	}
	return "", errors.Join(errors.New("the server ended before it served"), lines.Err())
}

// stop ends the server and removes what it has kept.
func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt)
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.folder)
}

// call makes a call of the REST API and reads the answer into out, unless that
// is nil.
func (s *server) call(ctx context.Context, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		return errors.Join(err, fmt.Errorf("%s: %s: %s", path, resp.Status, answer))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// withoutIDs shortens an answer to what the example is about.
func withoutIDs(answer []byte) string {
	var a struct {
		Accepted   *int   `json:"accepted"`
		Duplicates int    `json:"duplicates"`
		Detail     string `json:"detail"`
	}
	switch {
	case json.Unmarshal(answer, &a) != nil:
		return "\n"
	case a.Accepted != nil:
		return fmt.Sprintf("(accepted %d, duplicates %d)\n", *a.Accepted, a.Duplicates)
	case a.Detail != "":
		return "(" + a.Detail + ")\n"
	default:
		return string(answer) + "\n"
	}
}
