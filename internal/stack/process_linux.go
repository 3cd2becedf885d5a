package stack

import "syscall"

// attributes put a program into a process group of its own, so that Ctrl-C reaches us alone and we end it in order,
// and have the kernel end it when we die.
func attributes(as *syscall.Credential, end syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: as, Setpgid: true, Pdeathsig: end}
}
