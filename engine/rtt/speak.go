package rtt

import "github.com/intersubjective/rapprochement/engine/overlay"

// What a program needs that stands between this service and others: an adversary
// of a world.

// IntroductionsMax bounds the introductions of one message.
const IntroductionsMax = introductionsMax

// Introduce is the message, in CBOR, that names peers: at most IntroductionsMax,
// with addresses of at most [overlay.AddressMax] bytes.
func Introduce(list []overlay.Introduction) []byte { return tell(list) }

// IsIntroduction reports whether a message names peers.
func IsIntroduction(body []byte) bool { return len(body) > 0 && body[0] == kindTell }

// IsAnswer reports whether a message ends a measurement of its receiver's: held
// back, it makes the round trip look longer.
func IsAnswer(body []byte) bool { return len(body) > 0 && (body[0] == kindPong || body[0] == kindDone) }
