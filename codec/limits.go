package codec

// Limits of everything that can arrive from outside. Each bounds the memory or
// the work that one byte string can ask for.
const (
	// KeyBytesMax bounds the sum of a key's component lengths, in bytes. Keys
	// are compared and indexed; values are where bulk belongs.
	KeyBytesMax = 1024
	// KeyPartsMax bounds the number of components of a key.
	KeyPartsMax = 16
	// ValueInlineMax is the largest value, in bytes, that travels inside its
	// record; larger ones are blobs. Four fit into a frame.
	ValueInlineMax = 64 << 10
	// BlobMax is the largest value length a header may claim, in bytes: what
	// fits the 53-bit integers that JavaScript and JSON readers have.
	BlobMax = 1<<53 - 1
	// RefsMax bounds refs and supersedes, in entries: 64 ids are 2 KiB.
	RefsMax = 64
	// HeaderMax bounds an encoded header, in bytes: the largest key and full
	// lists of refs and superseded ids fit, with 10 KiB left for vectors.
	HeaderMax = 16 << 10
	// FrameMax is the largest frame, in bytes, that a link carries.
	FrameMax = 256 << 10
	// MessagesPerFrameMax bounds the messages inside one frame.
	MessagesPerFrameMax = 1024
	// BatchRecordsMax bounds the records of one batch: more than the smallest
	// records that fit into a frame.
	BatchRecordsMax = 4096
	// SpacesPerLinkMax bounds the spaces a peer may name on one link.
	SpacesPerLinkMax = 1024
	// EventBytesMax bounds one encoded event: a frame and its envelope, or a
	// put of several large values.
	EventBytesMax = 4 << 20
	// NestingMax bounds nested arrays and maps in any CBOR that is read.
	NestingMax = 64
	// TextMax bounds texts for humans (names, details, reasons), in bytes.
	TextMax = 1024
	// PutEntriesMax bounds the entries of one put.
	PutEntriesMax = 4096
	// ScanLimitMax bounds the entries that one scan returns.
	ScanLimitMax = 65536
	// VersionMax is the highest version of a record: positive in every
	// language's signed 64-bit integer.
	VersionMax = 1<<63 - 1
)
