//go:build !unix

package webhook_test

import (
	"testing"
	"time"
)

func processorTime(*testing.T, time.Duration) time.Duration { return 0 }
