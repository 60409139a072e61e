//go:build !(linux && (amd64 || arm64))

package host

import "testing"

func TestHost(t *testing.T) {
	t.Skip("two Go runtimes in one process are only trusted on Linux")
}
