#include "textflag.h"

// REDUCE leaves in the low half of A the element that its 128 bits are. P holds
// the modulus, T is lost.
#define REDUCE(A, T, P) \
	MOVOU     A, T;         \
	PCLMULQDQ $0x01, P, T;  \
	PXOR      T, A;         \
	PCLMULQDQ $0x01, P, T;  \
	PXOR      T, A

// func mulFast(a, b uint64) uint64
TEXT ·mulFast(SB), NOSPLIT, $0-24
	MOVQ      a+0(FP), X0
	MOVQ      b+8(FP), X1
	MOVQ      $0x1b, AX
	MOVQ      AX, X7
	PCLMULQDQ $0x00, X1, X0
	REDUCE(X0, X2, X7)
	MOVQ      X0, ret+16(FP)
	RET

// func toggleFast(sums *uint64, pairs int, x uint64)
//
// X0 and X1 run through the powers 1, 5, 9 … and 3, 7, 11 … of x, by steps of
// x^4 in X2, so that two products are under way at a time.
TEXT ·toggleFast(SB), NOSPLIT, $0-24
	MOVQ      sums+0(FP), DI
	MOVQ      pairs+8(FP), CX
	MOVQ      x+16(FP), X0
	MOVQ      $0x1b, AX
	MOVQ      AX, X7
	MOVOU     X0, X2
	PCLMULQDQ $0x00, X0, X2
	REDUCE(X2, X3, X7)
	MOVOU     X2, X1
	PCLMULQDQ $0x00, X0, X1
	PCLMULQDQ $0x00, X2, X2
	REDUCE(X1, X3, X7)
	REDUCE(X2, X4, X7)

next:
	MOVQ      X0, AX
	MOVQ      X1, BX
	XORQ      AX, (DI)
	XORQ      BX, 8(DI)
	ADDQ      $16, DI
	PCLMULQDQ $0x00, X2, X0
	PCLMULQDQ $0x00, X2, X1
	REDUCE(X0, X3, X7)
	REDUCE(X1, X4, X7)
	DECQ      CX
	JNZ       next
	RET

// func addMultipleFast(dst, src *uint64, n int, c uint64)
TEXT ·addMultipleFast(SB), NOSPLIT, $0-32
	MOVQ      dst+0(FP), DI
	MOVQ      src+8(FP), SI
	MOVQ      n+16(FP), CX
	MOVQ      c+24(FP), X2
	MOVQ      $0x1b, AX
	MOVQ      AX, X7

next:
	MOVQ      (SI), X0
	PCLMULQDQ $0x00, X2, X0
	REDUCE(X0, X3, X7)
	MOVQ      X0, AX
	XORQ      AX, (DI)
	ADDQ      $8, SI
	ADDQ      $8, DI
	DECQ      CX
	JNZ       next
	RET
