package main

// vexVPDPBUSD encodes VPDPBUSD of three ymm registers as AVX-VNNI does:
// VEX.256.66.0F38.W0 50 /r, with sum in ModRM.reg, a (unsigned bytes) in
// VEX.vvvv and b (signed bytes) in ModRM.rm.
func vexVPDPBUSD(b, a, sum int) []byte {
	bit3 := func(x int) byte { return byte(x >> 3 & 1) }
	return []byte{
		0xc4,
		(1-bit3(sum))<<7 | 1<<6 | (1-bit3(b))<<5 | 0x02, // R and B inverted, no X, map 0F38
		byte(15-a)<<3 | 1<<2 | 1,                        // W0, vvvv inverted, L = 256, pp = 66
		0x50,
		3<<6 | byte(sum&7)<<3 | byte(b&7),
	}
}
