package links

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// maxFile bounds what is read: a full matrix in any of the formats is shorter.
const maxFile = 128 << 20

// maxRTT bounds a round trip in a file, in nanoseconds: an hour is a mistake in the unit.
const maxRTT = 3_600_000_000_000

// ReadCSV reads N lines of N comma-separated round-trip times in milliseconds, with at most six decimals, from row to
// column: the shape of WonderProxy's published tables. There is no header. One way is half the round trip.
// Anything else is a *ParseError; an error of the reader is returned as it is.
func ReadCSV(r io.Reader) (*Matrix, error) {
	return readText(r, func(line []byte) [][]byte { return bytes.Split(line, []byte{','}) })
}

// ReadColumns is ReadCSV for columns separated by tabs or spaces: the shape of the PlanetLab tables.
func ReadColumns(r io.Reader) (*Matrix, error) { return readText(r, bytes.Fields) }

func readText(r io.Reader, split func(line []byte) [][]byte) (*Matrix, error) {
	data, err := readAll(r)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(bytes.TrimSuffix(data, []byte{'\n'}), []byte{'\n'})
	sites := len(split(trim(lines[0])))
	if sites > MaxSites {
		return nil, &ParseError{1, MaxSites + 1, fmt.Sprintf("at most %d columns", MaxSites), fmt.Sprint(sites)}
	}
	var delays []int64
	for i, line := range lines {
		if i == sites {
			return nil, &ParseError{i + 1, 1, fmt.Sprintf("the end after %d lines, as many as columns", sites), quote(line)}
		}
		fields := split(trim(line))
		if len(fields) != sites {
			return nil, &ParseError{i + 1, min(len(fields), sites) + 1, fmt.Sprintf("%d columns", sites), fmt.Sprint(len(fields))}
		}
		for j, field := range fields {
			rtt, ok := milliseconds(field)
			if !ok {
				return nil, &ParseError{i + 1, j + 1, "milliseconds up to an hour with at most 6 decimals", quote(field)}
			}
			delays = append(delays, rtt/2)
		}
	}
	if len(lines) < sites {
		return nil, &ParseError{len(lines) + 1, 1, fmt.Sprintf("%d lines, as many as columns", sites), fmt.Sprint(len(lines))}
	}
	return NewMatrix(sites, delays)
}

// trim lets lines end as on Windows.
func trim(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }

// milliseconds reads digits, and a point followed by one to six digits, as nanoseconds: exactly, and without floats.
func milliseconds(field []byte) (ns int64, ok bool) {
	whole, decimals, point := bytes.Cut(field, []byte{'.'})
	if len(whole) < 1 || len(whole) > 7 || len(decimals) > 6 || point && len(decimals) == 0 {
		return 0, false
	}
	for _, digits := range [2][]byte{whole, append(decimals[:len(decimals):len(decimals)], "000000"[len(decimals):]...)} {
		for _, c := range digits {
			if c < '0' || c > '9' {
				return 0, false
			}
			ns = ns*10 + int64(c-'0')
		}
	}
	return ns, ns <= maxRTT
}

// Statistic selects a column of a ping record.
type Statistic int

const (
	Minimum Statistic = iota
	Average
	Maximum
)

// ReadPing reads N × N records of four unsigned little-endian 32-bit numbers, row = from: minimum, average, maximum and
// deviation of the round trip in microseconds. One way is half the selected number.
// Anything else is a *ParseError, with the row as the line; an error of the reader is returned as it is.
func ReadPing(r io.Reader, pick Statistic) (*Matrix, error) {
	const record = 16
	if err := within("Statistic", int64(pick), int64(Minimum), int64(Maximum)); err != nil {
		return nil, err
	}
	data, err := readAll(r)
	if err != nil {
		return nil, err
	}
	sites := int(squareRoot(uint64(len(data) / record)))
	if sites < 1 || sites > MaxSites || sites*sites*record != len(data) {
		return nil, &ParseError{Want: fmt.Sprintf("16 × N × N bytes, N from 1 to %d", MaxSites), Got: fmt.Sprint(len(data))}
	}
	delays := make([]int64, sites*sites)
	for i := range delays {
		var v [3]int64
		for k := range v {
			v[k] = int64(binary.LittleEndian.Uint32(data[record*i+4*k:]))
		}
		if v[0] > v[1] || v[1] > v[2] || v[2] > maxRTT/1000 {
			return nil, &ParseError{i/sites + 1, i%sites + 1, "minimum <= average <= maximum <= an hour in microseconds", fmt.Sprint(v)}
		}
		delays[i] = v[pick] * 1000 / 2
	}
	return NewMatrix(sites, delays)
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = &ParseError{Want: fmt.Sprintf("at most %d bytes", maxFile), Got: "more"}
	}
	return data, err
}

// quote shows the start of what was found, however long it is.
func quote(text []byte) string {
	if len(text) > 24 {
		return fmt.Sprintf("%q…", text[:24])
	}
	return fmt.Sprintf("%q", text)
}
