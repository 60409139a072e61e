package lab

import (
	"math/rand/v2"
	"testing"

	"github.com/intersubjective/rapprochement/engine/overlay"
)

const beat = int64(10e9)

func meshes(n int) *Arena {
	return NewArena(ArenaConfig{
		N: n, Seed: 3, Timeout: 3e9, Detect: 5e9, Loss: 0.02, Again: 2e8,
		Delay:  func(int, int) int64 { return 50e6 },
		Policy: func(_ int, t *overlay.Table, rng *rand.Rand) overlay.Policy { return overlay.NewMesh(t, beat, rng) },
	})
}

// degrees are the least and the most connections of the living, to the living.
func (a *Arena) degrees() (least, most int) {
	least = len(a.Members)
	for i, m := range a.Members {
		if m.Dead {
			continue
		}
		degree := 0
		for j, other := range a.Members {
			if !other.Dead && a.Connected(i, j) {
				degree++
			}
		}
		least, most = min(least, degree), max(most, degree)
	}
	return least, most
}

func inBounds(t *testing.T, a *Arena, what string) {
	t.Helper()
	if least, most := a.degrees(); least < 5 || most > 12 {
		t.Errorf("%s: degrees from %d to %d", what, least, most)
	}
}

// Members that know a few others at random are a mesh after three heartbeats, and the
// survivors are one again three heartbeats after half have died.
func TestMeshFormsAndRecovers(t *testing.T) {
	const n = 200
	a := meshes(n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		for range 40 {
			a.Meet(i, rng.IntN(n))
		}
	}
	a.Run(3 * beat)
	inBounds(t, a, "at first")
	for _, i := range rng.Perm(n)[:n/2] {
		a.Kill(i)
	}
	a.Run(6 * beat)
	inBounds(t, a, "after half have died")
}

// Members that know one only come to know the others as it turns them away.
func TestStarBecomesAMesh(t *testing.T) {
	const n = 60
	a := meshes(n)
	for i := 1; i < n; i++ {
		a.Meet(i, 0)
	}
	a.Run(60 * beat)
	inBounds(t, a, "from a star")
}
