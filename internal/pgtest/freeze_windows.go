package pgtest

import "errors"

// Freeze is not to be had on Windows.
func (s *Server) Freeze() error { return errors.New("Windows cannot freeze a process") }

// Thaw has nothing to do.
func (s *Server) Thaw() error { return nil }
