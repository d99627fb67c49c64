package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/alma-events/alma"
)

// SQLSTATE codes that mean something here. Classes are the first two letters.
const (
	codeUniqueViolation = "23505"
	codeCheckViolation  = "23514"
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeLockTimeout     = "55P03"
	codeCanceled        = "57014" // statement_timeout, too.
	codeDiskFull        = "53100"
	codeReadOnly        = "25006"
	codeBadText         = "22021"
	codeNoTable         = "42P01"
	codeNoRight         = "42501"
	codeFenced          = "AL001" // Raised by alma_hold_node.
	codeStored          = "AL002" // Raised by alma_settle_once.
)

// code returns the SQLSTATE of an error; "" when it is none of the server's.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// wrap says which operation failed and makes what PostgreSQL or the network
// reported one of the errors that callers branch on.
func wrap(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case known(err):
		return fmt.Errorf("alma: %s: %w", operation, err)
	case errors.Is(err, puddle.ErrClosedPool):
		return fmt.Errorf("alma: %s: %w", operation, alma.ErrClosed)
	}
	switch c := code(err); {
	case c == codeDiskFull:
		return fmt.Errorf("alma: %s: %w: nothing was stored: %w", operation, alma.ErrLowDisk, err)
	case c == codeFenced:
		return fmt.Errorf("alma: %s: %w", operation, alma.ErrFenced)
	case c == codeBadText:
		return fmt.Errorf("alma: %s: %w", operation, badText())
	case c == codeLockTimeout:
		return fmt.Errorf("alma: %s: %w: another transaction holds what is needed: %w", operation, alma.ErrUnavailable, err)
	case c == codeCheckViolation:
		return fmt.Errorf("alma: %s: %w: a node of an older version has just made the partition that this belongs to; repeat it: %w", operation, alma.ErrUnavailable, err)
	case c == codeReadOnly:
		return fmt.Errorf("alma: %s: %w: the server takes no writes now (a standby, or read-only by its settings): %w", operation, alma.ErrUnavailable, err)
	case passing(c) || broken(err):
		return fmt.Errorf("alma: %s: %w: %w", operation, alma.ErrUnavailable, err)
	default:
		return fmt.Errorf("alma: %s: %w", operation, err)
	}
}

func badText() error {
	var f alma.Faults
	f.Addf("", "a text holds the character NUL (U+0000) or is no UTF-8, which PostgreSQL cannot store; take it out")
	return f.Err()
}

// known reports whether err already says what callers branch on.
func known(err error) bool {
	for _, sentinel := range []error{
		alma.ErrNotFound, alma.ErrConflict, alma.ErrLowDisk, alma.ErrUnavailable, alma.ErrClosed, alma.ErrFenced,
		context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	var invalid *alma.ValidationError
	return errors.As(err, &invalid)
}

// passing reports whether a server says by this code that a later try may go
// well: it is overloaded, starting, stopping, or gave up waiting.
func passing(code string) bool {
	if code == "" {
		return false
	}
	switch code[:2] {
	case "08", "40", "53", "57", "58", "25": // Connection, rollback, resources, intervention, system, transaction state.
		return true
	default:
		return code == "28P01" || code == "28000" // A server that is being set up anew.
	}
}

// broken reports whether the connection failed, or none could be made.
func broken(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// lost reports whether every other connection is likely to be as bad as the one
// that failed: the server went away, or has become a standby. Those of the other
// pools would each find that out by a call that fails.
func lost(err error) bool {
	switch code(err) {
	case codeReadOnly, "57P01", "57P02", "57P03":
		return true
	case "":
		return broken(err)
	default:
		return false
	}
}

// again reports whether a transaction that failed so did nothing, and may well
// succeed when it is repeated at once. A row is refused by the default partition
// when a node of an older version has just made the one of its day.
func again(err error) bool {
	switch code(err) {
	case codeDeadlock, codeSerialization, codeCheckViolation:
		return true
	default:
		return false
	}
}

func isUnique(err error) bool { return code(err) == codeUniqueViolation }
