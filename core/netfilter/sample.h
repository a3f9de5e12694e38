/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sample of an image: of rules that differ only in values that neither the
 * kernel's checks nor the way in which a rule is written down depend on, the
 * first of each chain.
 *
 * Those values are addresses, the ports of tcp and udp, and plain comments.
 * What the kernel asks of a rule depends on all the rest, on its chain, and on
 * what stands before it in its chain if that ends the walk; a first one stands
 * before its likes, so what holds for the sample holds for the image.
 */
#ifndef MG_SAMPLE_H
#define MG_SAMPLE_H

#include "image.h"

/**
 * Make the sample of @image. It has the same chains, and refers to the
 * entries of @image, which must outlive it.
 */
int mg_sample(const struct mg_image *image, struct mg_image **out, struct mg_error *error);

#endif
