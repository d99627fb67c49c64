package sqlite

import "golang.org/x/sys/windows"

// freeSpace returns the bytes that this user may still write in a folder.
func freeSpace(folder string) (int64, error) {
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil //nolint:gosec // No disk has 2^63 bytes.
}
