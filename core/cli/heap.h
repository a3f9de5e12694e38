/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The heap of a program that lives for milliseconds.
 */
#ifndef MG_CLI_HEAP_H
#define MG_CLI_HEAP_H

/**
 * Let the heap grow in one stretch of huge pages, and keep what is freed.
 * To be called first in main(). Where it cannot, nothing is different.
 */
void prepare_heap(void);

#endif
