/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules name and a fresh network namespace lacks: accounting objects (the
 * match "nfacct") and policies of timeouts ("CT --timeout"). Somebody made them
 * in the live one; in the trial's they are made for the rules that are tried.
 */
#ifndef MG_TRIAL_OBJECTS_H
#define MG_TRIAL_OBJECTS_H

#include "image.h"

/**
 * Make, in the network namespace that the process is in, what the rules of
 * @image name. What cannot be made stays away: the kernel then says of the rule
 * what it would say of it live. Must be called in a namespace of the process's own.
 */
void mg_trial_make_objects(const struct mg_image *image);

#endif
