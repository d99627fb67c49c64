//go:build unix

package clustertest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestNodesComeAndGoUnderLoad is the short form.
func TestNodesComeAndGoUnderLoad(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3*time.Second)
	for range 3 {
		c.start()
	}
	c.addHooks(12)
	c.load = c.startLoad()
	defer c.load.end()
	c.flows("three nodes", takeover)
	c.stopOne(0)
	c.startOne()
	c.killOne(1)
	c.startOne()
	c.killTwo()
	c.startOne()
	c.startOne()
	c.freezeOne(0)
	c.cutConnections(2 * time.Second)
	c.verify()
}

// TestDatabaseAwayForHalfAMinute runs beside the other one, and takes no longer.
func TestDatabaseAwayForHalfAMinute(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3*time.Second)
	c.start()
	c.start()
	c.addHooks(6)
	c.load = c.startLoad()
	defer c.load.end()
	c.flows("two nodes", takeover)
	c.stopDatabase(30 * time.Second)
	c.verify()
}

// TestManySteps is the long form; see the package.
func TestManySteps(t *testing.T) {
	t.Parallel()
	steps, err := strconv.Atoi(os.Getenv("ALMA_CLUSTER_STEPS"))
	if err != nil {
		t.Skip("set ALMA_CLUSTER_STEPS to a number, or run make cluster-test")
	}
	seed, err := strconv.ParseUint(os.Getenv("ALMA_CLUSTER_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("ALMA_CLUSTER_SEED=%d", seed)
	c := newCluster(t, 5*time.Second)
	for range 3 {
		c.start()
	}
	c.addHooks(24)
	c.load = c.startLoad()
	defer c.load.end()
	c.flows("three nodes", takeover)
	c.stopDatabase(30 * time.Second)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range steps {
		c.randomStep(rnd)
	}
	c.verify()
}

func (c *cluster) randomStep(rnd *rand.Rand) {
	c.t.Helper()
	n := len(c.alive())
	i := rnd.IntN(n)
	switch step := rnd.IntN(8); {
	case n < 2:
		c.startOne()
	case step == 0:
		c.killOne(i)
	case step == 1 && n > 2:
		c.killTwo()
	case step == 2:
		c.freezeOne(i)
	case step == 3:
		c.stopDatabase(time.Duration(1+rnd.IntN(10)) * time.Second)
	case step == 4:
		c.cutConnections(time.Duration(1+rnd.IntN(5)) * time.Second)
	case step == 5:
		c.stopOne(i)
	default:
		if n < 5 {
			c.startOne()
		}
	}
}
