package memory

import (
	"slices"

	"github.com/alma-events/alma"
)

// maxKeptBytes bounds the ids in the metadata of a merged memory, as JSON.
const maxKeptBytes = 128 << 10

// mergedMetadata is the metadata of all members, the first one's first, and
// what the merge itself says.
func mergedMetadata(members []alma.Memory, all []object) object {
	metadata := parseObject(all[0].get("metadata"))
	var from []string
	var count, succeeded, failed int64
	for i, o := range all {
		own := parseObject(o.get("metadata"))
		metadata.fill(own)
		earlier, _ := decode[[]string](own.get("merged_from"))
		from = append(from, earlier...)
		n, _ := decode[int64](own.get("merged_count"))
		count += n
		if i > 0 {
			from = append(from, members[i].ID)
			count++
		}
		s, f := outcomes(o, own)
		succeeded, failed = succeeded+s, failed+f
	}
	metadata.set("merged_from", encode(latestThatFit(from)))
	metadata.set("merged_count", encode(count))
	if members[0].Type == alma.TypeOutcome {
		metadata.set("merged_outcomes", encode(map[string]int64{"succeeded": succeeded, "failed": failed}))
	}
	return metadata
}

// outcomes counts the tasks that an outcome stands for: itself, or those that
// were merged into it before.
func outcomes(data, metadata object) (succeeded, failed int64) {
	if earlier, ok := decode[map[string]int64](metadata.get("merged_outcomes")); ok {
		return earlier["succeeded"], earlier["failed"]
	}
	if success, stated := decode[bool](data.get("success")); stated && success {
		return 1, 0
	} else if stated {
		return 0, 1
	}
	return 0, 0
}

// latestThatFit returns the last ids, as many as a memory has room for.
func latestThatFit(ids []string) []string {
	size := 0
	for i, id := range slices.Backward(ids) {
		if size += len(encode(id)) + 1; size > maxKeptBytes {
			return ids[i+1:]
		}
	}
	return ids
}
