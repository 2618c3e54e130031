package embed

// A scene is one golden picture, free of any size: its plane is 65,536 units a side, and a tile samples the middle of
// each of its pixels. Everything below is integer arithmetic.
type scene struct {
	seed    uint32
	corners [4][3]int // the light: a colour in each corner, between them bilinear
	shapes  []shape   // the later ones lie in front
	grain   [6]int    // strength of the noise at cells of 1/4 to 1/128 of the picture
	low     int       // the darkest value that the picture reaches
	high    int       // the brightest one
}

// shape is a thing in the picture: an ellipse, or a bar from edge to edge. Its texture runs in stripes.
type shape struct {
	bar    bool
	x, y   int // centre
	rx, ry int // radii; of a bar, its slope (y/256 units across a unit along) and half its width
	soft   int // 1 to 256: how much of its radius the edge takes, in 1/256
	colour [3]int
	period int // of the stripes, in units; 0: none
	lean   int // of the stripes
}

const plane = 1 << 16

// tones are the ranges of the pictures: most use the whole, some are night, some are snow, some are flat as mist.
var tones = [GoldenCount][2]int{
	{0, 255}, {10, 245}, {0, 110}, {120, 255}, {0, 255}, {60, 200}, {0, 140}, {100, 255},
	{5, 250}, {0, 255}, {0, 90}, {140, 255}, {20, 235}, {70, 190}, {0, 255}, {30, 255},
}

func newScene(i int) scene {
	d := dice{state: mix(uint32(i) + 0x6A09E667)}
	s := scene{seed: d.next(), low: tones[i][0], high: tones[i][1]}
	for c := range s.corners {
		s.corners[c] = d.colour()
	}
	for k := range s.grain {
		s.grain[k] = d.between(12, 80) >> (k / 2)
	}
	for range 4 + i%5 {
		s.shapes = append(s.shapes, newShape(&d))
	}
	return s
}

func newShape(d *dice) shape {
	h := shape{
		bar: d.between(0, 3) == 0,
		x:   d.between(plane/16, plane*15/16), y: d.between(plane/16, plane*15/16),
		rx: d.between(plane/20, plane/4), ry: d.between(plane/20, plane/4),
		soft: []int{4, 16, 96, 256}[d.between(0, 3)], colour: d.colour(),
	}
	if h.bar {
		h.rx, h.ry = d.between(-400, 400), d.between(plane/80, plane/12)
	}
	if d.between(0, 2) == 0 {
		h.period, h.lean = d.between(plane/56, plane/14), d.between(-256, 256)
	}
	return h
}

// draw samples the scene.
func (s *scene) draw(size int) []byte {
	tile := make([]byte, 0, size*size*3)
	for py := range size {
		y := (2*py + 1) * (plane / 2) / size
		for px := range size {
			x := (2*px + 1) * (plane / 2) / size
			c := s.at(x, y)
			tile = append(tile, byte(c[0]), byte(c[1]), byte(c[2]))
		}
	}
	return tile
}

// at is the colour of a point.
func (s *scene) at(x, y int) [3]int {
	var c [3]int
	for k := range c {
		top := s.corners[0][k]*(plane-x) + s.corners[1][k]*x
		bottom := s.corners[2][k]*(plane-x) + s.corners[3][k]*x
		c[k] = (top/plane*(plane-y) + bottom/plane*y) / plane
	}
	for i := range s.shapes {
		cover, shade := s.shapes[i].cover(x, y)
		for k := range c {
			c[k] += (s.shapes[i].colour[k]*shade/256 - c[k]) * cover / 256
		}
	}
	var grain, tint int
	for k, strength := range s.grain {
		n := noise(s.seed+uint32(k), x, y, 14-k) - 128
		grain += n * strength / 128
		if k == 1 {
			tint = n / 8 // a drift of colour, as light of two lamps gives it
		}
	}
	c[0] += grain + tint
	c[1] += grain
	c[2] += grain - tint
	for k := range c {
		c[k] = s.low + min(max(c[k], 0), 255)*(s.high-s.low)/255
	}
	return c
}

// cover tells how much of a point the shape hides, and how bright it is there, both in 1/256.
func (h *shape) cover(x, y int) (cover, shade int) {
	dx, dy := x-h.x, y-h.y
	shade = 256
	if h.period > 0 && (dx+dy*h.lean/256+8*plane)/(h.period/2)%2 == 1 {
		shade = 150
	}
	var d int // squared distance from the centre in 1/4096, the edge at 4096
	if h.bar {
		t := (dy - dx*h.rx/256) * 64 / h.ry
		d = t * t
	} else {
		u, v := dx*64/h.rx, dy*64/h.ry
		d = u*u + v*v
	}
	return min(max((4096-d)*16/h.soft, 0), 256), shade
}

// noise is smooth between the points of a grid of 1<<shift units, and random at them: 0 to 255.
func noise(seed uint32, x, y, shift int) int {
	cx, cy := x>>shift, y>>shift
	fx, fy := ease((x-cx<<shift)<<8>>shift), ease((y-cy<<shift)<<8>>shift)
	top := lattice(seed, cx, cy)*(256-fx) + lattice(seed, cx+1, cy)*fx
	bottom := lattice(seed, cx, cy+1)*(256-fx) + lattice(seed, cx+1, cy+1)*fx
	return (top*(256-fy) + bottom*fy) >> 16
}

// ease bends 0..256 so that the noise has no creases along the grid.
func ease(f int) int { return f * f * (768 - 2*f) >> 16 }

// lattice is the random value, 0 to 255, of a point of the grid.
func lattice(seed uint32, x, y int) int {
	return int(mix(seed^mix(uint32(x)+0x85EBCA6B*uint32(y)+1)) >> 24)
}

// dice draws the numbers of a scene. It is written out here because the tiles must never change, whatever a library
// does.
type dice struct{ state uint32 }

func (d *dice) next() uint32 {
	d.state += 0x9E3779B9
	return mix(d.state)
}

// between draws from low to high, both included.
func (d *dice) between(low, high int) int { return low + int(d.next()>>8)%(high-low+1) }

// colour draws one that is no grey: its channels are at least 40 apart somewhere.
func (d *dice) colour() [3]int {
	for {
		c := [3]int{d.between(0, 255), d.between(0, 255), d.between(0, 255)}
		if max(c[0], c[1], c[2])-min(c[0], c[1], c[2]) >= 40 {
			return c
		}
	}
}

// mix scatters the bits of a number.
func mix(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7FEB352D
	x ^= x >> 15
	x *= 0x846CA68B
	return x ^ x>>16
}
