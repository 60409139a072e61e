package store

// Faulty is a store whose commits fail from the nth on, for tests of what a
// node does then. Like every failed store it keeps failing; unlike a real one
// it still answers reads.
type Faulty struct {
	Store
	// FailAt is the number of the first commit that fails, counted from 1;
	// 0 for none.
	FailAt uint64
	// Err is what failed commits return.
	Err error
	// Commits counts the calls of Commit.
	Commits uint64
}

// Commit implements Store.
func (f *Faulty) Commit(sync bool) error {
	f.Commits++
	if f.FailAt != 0 && f.Commits >= f.FailAt {
		return f.Err
	}
	return f.Store.Commit(sync)
}
