package storagetest

import (
	"sync"
	"sync/atomic"

	"github.com/alma-events/alma"
)

var callCases = []testCase{
	{"Claim", "a call is claimed once, and found with what it asked for and its answer", testCallClaim},
	{"Forget", "a claim that was given up can be made again", testCallForget},
	{"Race", "of many that claim a call at once, one does", testCallRace},
}

func (e *env) claimCall(c alma.Call) (alma.Call, bool) {
	e.Helper()
	found, claimed, err := e.ClaimCall(e.ctx, c)
	e.check(err, "claim")
	return found, claimed
}

func testCallClaim(e *env) {
	if _, claimed := e.claimCall(alma.Call{ID: "a", Request: "x"}); !claimed {
		e.Fatal("a new call could not be claimed")
	}
	found, claimed := e.claimCall(alma.Call{ID: "a", Request: "y"})
	e.equal(claimed, false, "the second claim")
	e.equal(found, alma.Call{ID: "a", Request: "x"}, "the call under way")
	if _, claimed := e.claimCall(alma.Call{ID: "b", Request: "x"}); !claimed {
		e.Fatal("another call could not be claimed")
	}
	e.check(e.FinishCall(e.ctx, "a", []byte{0, 255}), "finish")
	if e.features.Reopen != nil {
		e.Storage = e.features.Reopen(e.T, e.Storage)
	}
	found, _ = e.claimCall(alma.Call{ID: "a", Request: "y"})
	e.equal(found, alma.Call{ID: "a", Request: "x", Answer: []byte{0, 255}}, "the finished call")
}

func testCallForget(e *env) {
	e.claimCall(alma.Call{ID: "a", Request: "x"})
	e.check(e.ForgetCall(e.ctx, "a"), "forget")
	e.check(e.ForgetCall(e.ctx, "nobody"), "forget what is unknown")
	if _, claimed := e.claimCall(alma.Call{ID: "a", Request: "y"}); !claimed {
		e.Fatal("a call that was forgotten could not be claimed")
	}
}

func testCallRace(e *env) {
	var won atomic.Int32
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			_, claimed, err := e.ClaimCall(e.ctx, alma.Call{ID: "a", Request: "x"})
			if err != nil {
				e.Error(err)
			}
			if claimed {
				won.Add(1)
			}
		})
	}
	group.Wait()
	e.equal(won.Load(), int32(1), "claims that succeeded")
}
