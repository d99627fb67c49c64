package nodetest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/alma-events/alma"
	"github.com/alma-events/alma/internal/nodetest"
	"github.com/alma-events/alma/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestConformance keeps the store of these tests as faithful as a real driver.
func TestConformance(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) alma.Storage { return nodetest.Open(t) }, storagetest.Features{Nodes: true})
}
