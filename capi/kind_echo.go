//go:build cgo

package main

import (
	"fmt"
	"math"
)

func init() { kinds["echo"] = openEcho }

// echo gives back what it gets, so that a binding can be tested without an
// engine. Config "log" makes it log every batch.
type echo struct {
	host *Host // nil unless it logs
}

func openEcho(config []byte, host *Host) (Machine, error) {
	switch string(config) {
	case "":
		return &echo{}, nil
	case "log":
		return &echo{host}, nil
	}
	return nil, withCode(codeBadConfig, fmt.Errorf("capi: echo does not know the config %q", config))
}

func (m *echo) Step(dst, events []byte) ([]byte, error) {
	if m.host.Enabled(levelInfo) {
		m.host.Log(levelInfo, fmt.Sprintf("echo: %d bytes", len(events)))
	}
	return append(dst, events...), nil
}

// Columns gives the query back, and the extremes of every type.
func (m *echo) Columns(query []byte) ([]Column, error) {
	return []Column{
		{"query", query},
		{"int8", []int8{math.MinInt8, math.MaxInt8}},
		{"int16", []int16{math.MinInt16, math.MaxInt16}},
		{"int32", []int32{math.MinInt32, math.MaxInt32}},
		{"int64", []int64{math.MinInt64, math.MaxInt64}},
		{"uint8", []uint8{0, math.MaxUint8}},
		{"uint16", []uint16{0, math.MaxUint16}},
		{"uint32", []uint32{0, math.MaxUint32}},
		{"uint64", []uint64{0, math.MaxUint64}},
		{"float32", []float32{-math.MaxFloat32, math.SmallestNonzeroFloat32}},
		{"float64", []float64{-math.MaxFloat64, math.SmallestNonzeroFloat64}},
		{"id", [][32]byte{{0: 1, 31: 2}, {0: 3, 31: 4}}},
	}, nil
}

func (m *echo) Close() error { return nil }
