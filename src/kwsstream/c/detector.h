/* Posteriors of a stream to words heard, step by step: kwsstream/detector.py in C99, bit for bit.
 *
 * What a step does is written at the top of detector.py. There is no allocation and no dependency; the caller owns
 * all storage. Compile without contraction of a*b+c (gcc -ffp-contract=off) and without -ffast-math.
 *
 *     enum { LABELS = 12, WINDOW = 5 };
 *     static const float threshold[LABELS] = {0, 0, 0.8f, ...};   0: the label never fires
 *     static float release[LABELS], past[WINDOW * LABELS];
 *     static kws_label_state state[LABELS];
 *     static kws_detector detector = {LABELS, WINDOW, 2, 25, 320, threshold, release, past, state};
 *     kws_detector_release(&detector, 0.2f);
 *     kws_detector_reset(&detector);
 *     ...
 *     float score;
 *     int label = kws_detector_step(&detector, posteriors, &score);
 *     if (label >= 0) heard(label, score, detector.sample);
 */
#ifndef KWS_DETECTOR_H
#define KWS_DETECTOR_H

#include <stdint.h>

typedef struct {
    int32_t count; /* steps in a row at or above the threshold, no more than minimum_count */
    int32_t armed;
} kws_label_state;

typedef struct {
    int32_t labels;        /* of the model, silence and unknown included */
    int32_t window;        /* steps averaged, at least 1 */
    int32_t minimum_count; /* steps in a row at or above the threshold, at least 1 */
    int32_t refractory;    /* steps from a detection to the next, at least 1 */
    int32_t hop_samples;
    const float *threshold; /* labels */
    float *release;         /* labels */
    float *past;            /* window * labels */
    kws_label_state *state; /* labels */
    int32_t oldest;         /* row of `past` to be replaced next */
    int32_t wait;           /* steps in which nothing may fire yet */
    int64_t sample;         /* samples heard */
} kws_detector;

/* The releases of the thresholds: threshold * (1 - hysteresis). */
static inline void kws_detector_release(kws_detector *d, float hysteresis) {
    const float kept = 1.0f - hysteresis;
    for (int32_t i = 0; i < d->labels; i++) d->release[i] = d->threshold[i] * kept;
}

/* Start a new stream, after silence. */
static inline void kws_detector_reset(kws_detector *d) {
    for (int32_t i = 0; i < d->labels; i++) {
        d->state[i].count = 0;
        d->state[i].armed = 1;
    }
    for (int32_t i = 0; i < d->window * d->labels; i++) d->past[i] = 0.0f;
    d->oldest = d->wait = 0;
    d->sample = 0;
}

/* The next posteriors, `labels` of them. Returns the label that fires, its mean in *score; or -1. */
static inline int32_t kws_detector_step(kws_detector *d, const float *scores, float *score) {
    int32_t best = -1;
    float best_mean = 0.0f;
    for (int32_t i = 0; i < d->labels; i++) d->past[d->oldest * d->labels + i] = scores[i];
    d->oldest = (d->oldest + 1) % d->window;
    for (int32_t i = 0; i < d->labels; i++) {
        kws_label_state *s = &d->state[i];
        if (!(d->threshold[i] > 0.0f)) continue;
        float total = d->past[d->oldest * d->labels + i];
        for (int32_t k = 1; k < d->window; k++) total += d->past[((d->oldest + k) % d->window) * d->labels + i];
        const float mean = total / (float)d->window;
        if (!(mean >= d->threshold[i])) s->count = 0;
        else if (s->count < d->minimum_count) s->count++;
        if (!(mean >= d->release[i])) s->armed = 1;
        if (s->armed && s->count >= d->minimum_count && (best < 0 || mean > best_mean)) {
            best = i;
            best_mean = mean;
        }
    }
    d->sample += d->hop_samples;
    if (d->wait > 0) d->wait--;
    if (d->wait > 0 || best < 0) return -1;
    d->state[best].armed = 0;
    d->wait = d->refractory;
    *score = best_mean;
    return best;
}

#endif
