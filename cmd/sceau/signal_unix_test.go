//go:build !windows

package main

import "syscall"

const hangUp = syscall.SIGHUP
