/*
 * The changes of variables between U and the eigenvectors of the flux Jacobians,
 * at one point of each lane. Those between two directions need constants only.
 */
#ifndef SP_EIGEN_H
#define SP_EIGEN_H

#include "flow.h"
#include "lanes_math.h"

#define SQRT_HALF 0.70710678118654752440

/* What the state at a point gives. */
struct local {
	lanes density, inverse;    /* rho, 1/rho */
	lanes v1, v2, v3;
	lanes q;                   /* (v1^2 + v2^2 + v3^2) / 2 */
	lanes sound2, sound;       /* speed of sound squared, and itself */
};

INLINE struct local local_state(const lanes u[5])
{
	struct local s;

	s.density = u[0];
	s.inverse = 1.0 / u[0];
	s.v1 = u[1] * s.inverse;
	s.v2 = u[2] * s.inverse;
	s.v3 = u[3] * s.inverse;
	s.q = 0.5 * (s.v1 * s.v1 + s.v2 * s.v2 + s.v3 * s.v3);
	s.sound2 = FLOW_C1 * FLOW_C2 * (u[4] * s.inverse - s.q);
	s.sound = lanes_sqrt(s.sound2);
	return s;
}

INLINE void eigen_to_x(lanes r[5], const struct local *s)
{
	lanes scale = SQRT_HALF * s->inverse;
	lanes a1 = s->q * r[0] - s->v1 * r[1] - s->v2 * r[2] - s->v3 * r[3] + r[4];
	lanes a2 = scale * (s->v1 * r[0] - r[1]);
	lanes out1, out2;

	a1 *= FLOW_C2 / s->sound2;
	out1 = -s->inverse * (s->v3 * r[0] - r[3]);
	out2 = s->inverse * (s->v2 * r[0] - r[2]);
	r[0] -= a1;
	a1 *= scale * s->sound;
	r[1] = out1;
	r[2] = out2;
	r[3] = a1 - a2;
	r[4] = a1 + a2;
}

INLINE void eigen_x_to_y(lanes r[5])
{
	lanes a1 = SQRT_HALF * r[2], a2 = 0.5 * (r[3] + r[4]), first = r[0];

	r[0] = -r[1];
	r[1] = first;
	r[2] = SQRT_HALF * (r[3] - r[4]);
	r[3] = a2 - a1;
	r[4] = a2 + a1;
}

INLINE void eigen_y_to_z(lanes r[5])
{
	lanes a1 = SQRT_HALF * r[0], a2 = 0.5 * (r[3] + r[4]), second = r[1];

	r[0] = SQRT_HALF * (r[3] - r[4]);
	r[1] = -r[2];
	r[2] = second;
	r[3] = a2 - a1;
	r[4] = a2 + a1;
}

INLINE void eigen_from_z(lanes r[5], const struct local *s)
{
	lanes scale = SQRT_HALF * s->density;
	lanes a1 = scale / s->sound * (r[3] + r[4]);
	lanes a2 = r[2] + a1;
	lanes a3 = scale * (r[3] - r[4]);
	lanes first = r[0], second = r[1];

	r[0] = a2;
	r[1] = s->v1 * a2 - s->density * second;
	r[2] = s->v2 * a2 + s->density * first;
	r[3] = s->v3 * a2 + a3;
	r[4] = s->density * (s->v2 * first - s->v1 * second) + s->q * a2 + 2.5 * s->sound2 * a1 + s->v3 * a3;
}

#endif
