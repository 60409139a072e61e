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

// func toggleFast(sums *uint64, fours int, x uint64)
//
// X0 to X3 run through the powers 1, 3, 5, 7 of x and on by steps of x^8 in X4,
// so that four products are under way at a time.
TEXT ·toggleFast(SB), NOSPLIT, $0-24
	MOVQ      sums+0(FP), DI
	MOVQ      fours+8(FP), CX
	MOVQ      x+16(FP), X0
	MOVQ      $0x1b, AX
	MOVQ      AX, X7
	MOVOU     X0, X5
	PCLMULQDQ $0x00, X0, X5
	REDUCE(X5, X8, X7)
	MOVOU     X5, X1
	MOVOU     X5, X4
	PCLMULQDQ $0x00, X0, X1
	PCLMULQDQ $0x00, X5, X4
	REDUCE(X1, X8, X7)
	REDUCE(X4, X9, X7)
	MOVOU     X4, X2
	MOVOU     X4, X3
	PCLMULQDQ $0x00, X0, X2
	PCLMULQDQ $0x00, X1, X3
	PCLMULQDQ $0x00, X4, X4
	REDUCE(X2, X8, X7)
	REDUCE(X3, X9, X7)
	REDUCE(X4, X10, X7)

next:
	MOVQ      X0, AX
	MOVQ      X1, BX
	MOVQ      X2, DX
	MOVQ      X3, SI
	XORQ      AX, (DI)
	XORQ      BX, 8(DI)
	XORQ      DX, 16(DI)
	XORQ      SI, 24(DI)
	DECQ      CX
	JZ        done
	ADDQ      $32, DI
	PCLMULQDQ $0x00, X4, X0
	PCLMULQDQ $0x00, X4, X1
	PCLMULQDQ $0x00, X4, X2
	PCLMULQDQ $0x00, X4, X3
	REDUCE(X0, X8, X7)
	REDUCE(X1, X9, X7)
	REDUCE(X2, X10, X7)
	REDUCE(X3, X11, X7)
	JMP       next

done:
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
