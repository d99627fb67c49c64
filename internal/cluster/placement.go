// Package cluster holds what nodes that share the lanes compute for
// themselves: who should own which slot, and whether a lease still holds.
package cluster

import (
	"hash/fnv"
	"slices"

	"github.com/alma-events/alma"
)

// Place returns the node that should own each slot, by rendezvous hashing: of
// all nodes the one whose score for the slot is highest. All nodes come to the
// same answer without a word. When a node comes or goes, only the slots that it
// gets or had change their place. Without nodes all places are empty.
func Place(nodes []string) (owners [alma.Slots]string) {
	seeds := make([]uint64, len(nodes))
	for i, n := range nodes {
		seeds[i] = seed(n)
	}
	for s := range owners {
		var best uint64
		for i, n := range nodes {
			score := mix(seeds[i] ^ mix(uint64(s)+1))
			if owners[s] == "" || score > best || score == best && n < owners[s] {
				owners[s], best = n, score
			}
		}
	}
	return owners
}

// Placement remembers what Place said last: nodes come and go rarely, and are
// asked for often. The zero value is ready; it may not be used concurrently.
type Placement struct {
	nodes  []string
	owners [alma.Slots]string
}

// Of is what Place says of the nodes. It may be read until the next call.
func (p *Placement) Of(nodes []string) *[alma.Slots]string {
	if !slices.Equal(nodes, p.nodes) {
		p.nodes, p.owners = slices.Clone(nodes), Place(nodes)
	}
	return &p.owners
}

func seed(node string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(node))
	return mix(h.Sum64())
}

// mix spreads every bit of x over all bits of the answer: the finalizer of
// SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
