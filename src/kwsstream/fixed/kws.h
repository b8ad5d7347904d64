/* The network of weights.h, step by step over a stream of features.

   Plain C99 without any dependency; weights.h and these two files come from python -m kwsstream.fixed. A number q of a
   tensor stands for q / 2^DEC_BITS of it. The features of a frame are to be rounded and saturated to int8 with
   KWS_FEATURE_DEC_BITS behind the point, the logits come with KWS_LOGIT_DEC_BITS. Right shifts of negative numbers are
   taken to keep the sign, as every compiler for the devices at hand has it. */

#ifndef KWS_H
#define KWS_H

#include <stdint.h>

#include "weights.h"

/* All that a step remembers of those before. Two streams have two. */
typedef struct {
    int8_t frames[KWS_STATE_SIZE];
} kws_state;

extern const char *const kws_labels[KWS_LABELS];

/* Start a stream, after silence. */
void kws_reset(kws_state *state);

/* The next KWS_STEP_FRAMES frames of KWS_FEATURES features each, to KWS_LABELS logits.
   The logits of a clip are those of the last step, once KWS_LEAD_FRAMES frames of zeros went before its frames and
   KWS_LOOKAHEAD_FRAMES came after. Takes 2 * KWS_WIDEST bytes of the stack. */
void kws_step(kws_state *state, const int8_t *features, int8_t *logits);

#endif
