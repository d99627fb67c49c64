package pgtest

import "syscall"

// endWithParent has the kernel stop the server when the test binary dies.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }
