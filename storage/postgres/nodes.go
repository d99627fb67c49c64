package postgres

import "github.com/alma-events/alma"

// slotNumbers returns slots as the statements take them.
func slotNumbers(slots []alma.Slot) []int16 {
	list := make([]int16, len(slots))
	for i, slot := range slots {
		list[i] = int16(slot) //nolint:gosec // Less than alma.Slots.
	}
	return list
}
