//go:build unix

package send

import "syscall"

// silent reports whether nothing has come over an idle socket: neither its end
// nor words that nobody asked for, such as the 408 of a server that is tired of
// waiting.
func silent(socket syscall.RawConn) bool {
	quiet := false
	err := socket.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true // Whatever was found: do not wait.
	})
	return err == nil && quiet
}
