/* Every layer computes what CMSIS-NN's q7 kernel of that layer computes, for the frames of one step. */

#include "kws.h"

#include <string.h>

typedef enum {
    KWS_CONV,                /* weights (output, time, frequency, input); a dense layer is one of a single frame */
    KWS_DEPTHWISE,           /* weights (time, frequency, channel) */
    KWS_FLATTEN,             /* a window of frames as one vector */
    KWS_FRAME_AVERAGE,       /* over a window of frames */
    KWS_FREQUENCY_AVERAGE,
    KWS_RELU
} kws_kind;

typedef struct {
    int32_t frames, frequencies, channels;
} kws_shape;

typedef struct {
    kws_kind kind;
    kws_shape in, out;               /* of one step */
    int32_t overlap;                 /* input frames remembered from step to step; negative: so many are skipped */
    int32_t window, stride;          /* in time; the window counts taps */
    int32_t dilation;
    int32_t window_x, stride_x, dilation_x, pad_x;  /* over frequency */
    const int8_t *weight, *bias;
    int32_t bias_lshift, out_rshift;
    int32_t lshift;                  /* of an average */
} kws_layer;

#define TENSOR(name, ...) static const int8_t name[] = __VA_ARGS__;
KWS_TENSORS(TENSOR)
static const kws_layer layers[] = KWS_LAYERS;
const char *const kws_labels[KWS_LABELS] = KWS_LABEL_NAMES;

static int8_t saturated(int32_t x)
{
    return (int8_t)(x < -128 ? -128 : x > 127 ? 127 : x);
}

static int32_t frame_size(const kws_layer *layer)
{
    return layer->in.frequencies * layer->in.channels;
}

/* Frame i of the frames remembered and then those of this step. */
static const int8_t *frame(const kws_layer *layer, const int8_t *state, const int8_t *x, int32_t i)
{
    int32_t size = frame_size(layer);
    return i < layer->overlap ? state + i * size : x + (i - layer->overlap) * size;
}

/* Output o of a window of frames that starts with frame t, at frequency f. */
static int8_t sum_of_products(const kws_layer *layer, const int8_t *state, const int8_t *x, int32_t t, int32_t f,
                              int32_t o)
{
    int32_t channels = layer->in.channels;
    int32_t half = ((int32_t)1 << layer->out_rshift) >> 1;
    int32_t sum = layer->bias[o] * ((int32_t)1 << layer->bias_lshift) + half;
    for (int32_t i = 0; i < layer->window; i++) {
        const int8_t *row = frame(layer, state, x, t + i * layer->dilation);
        for (int32_t j = 0; j < layer->window_x; j++) {
            int32_t at = f * layer->stride_x + j * layer->dilation_x - layer->pad_x;
            int32_t tap = i * layer->window_x + j;
            if (at < 0 || at >= layer->in.frequencies)
                continue;
            if (layer->kind == KWS_DEPTHWISE) {
                sum += row[at * channels + o] * layer->weight[tap * channels + o];
                continue;
            }
            const int8_t *weight = layer->weight + (o * layer->window * layer->window_x + tap) * channels;
            for (int32_t c = 0; c < channels; c++)
                sum += row[at * channels + c] * weight[c];
        }
    }
    return saturated(sum >> layer->out_rshift);
}

static void convolve(const kws_layer *layer, const int8_t *state, const int8_t *x, int8_t *out)
{
    for (int32_t t = 0; t < layer->out.frames; t++)
        for (int32_t f = 0; f < layer->out.frequencies; f++)
            for (int32_t o = 0; o < layer->out.channels; o++)
                *out++ = sum_of_products(layer, state, x, t * layer->stride, f, o);
}

static void flatten(const kws_layer *layer, const int8_t *state, const int8_t *x, int8_t *out)
{
    int32_t size = frame_size(layer);
    for (int32_t t = 0; t < layer->out.frames; t++)
        for (int32_t i = 0; i < layer->window; i++, out += size)
            memcpy(out, frame(layer, state, x, t + i), size);
}

/* sum / count with halves rounded up. C rounds quotients towards zero. */
static int8_t mean(int32_t sum, int32_t count, int32_t lshift)
{
    int32_t over = 2 * sum * ((int32_t)1 << lshift) + count, by = 2 * count;
    return saturated(over >= 0 ? over / by : -((by - 1 - over) / by));
}

static void frame_average(const kws_layer *layer, const int8_t *state, const int8_t *x, int8_t *out)
{
    int32_t size = frame_size(layer);
    for (int32_t t = 0; t < layer->out.frames; t++)
        for (int32_t k = 0; k < size; k++) {
            int32_t sum = 0;
            for (int32_t i = 0; i < layer->window; i++)
                sum += frame(layer, state, x, t * layer->stride + i)[k];
            *out++ = mean(sum, layer->window, layer->lshift);
        }
}

static void frequency_average(const kws_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t t = 0; t < layer->in.frames; t++, x += frame_size(layer))
        for (int32_t c = 0; c < layer->in.channels; c++) {
            int32_t sum = 0;
            for (int32_t f = 0; f < layer->in.frequencies; f++)
                sum += x[f * layer->in.channels + c];
            *out++ = mean(sum, layer->in.frequencies, layer->lshift);
        }
}

static void relu(const kws_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t i = 0; i < layer->in.frames * frame_size(layer); i++)
        out[i] = x[i] < 0 ? 0 : x[i];
}

static void run(const kws_layer *layer, const int8_t *state, const int8_t *x, int8_t *out)
{
    switch (layer->kind) {
    case KWS_CONV:
    case KWS_DEPTHWISE:
        convolve(layer, state, x, out);
        break;
    case KWS_FLATTEN:
        flatten(layer, state, x, out);
        break;
    case KWS_FRAME_AVERAGE:
        frame_average(layer, state, x, out);
        break;
    case KWS_FREQUENCY_AVERAGE:
        frequency_average(layer, x, out);
        break;
    case KWS_RELU:
        relu(layer, x, out);
        break;
    }
}

/* Remember the last frames of this step and those before; returns the end of the layer's state. */
static int8_t *remember(const kws_layer *layer, int8_t *state, const int8_t *x)
{
    int32_t size = frame_size(layer), frames = layer->in.frames, overlap = layer->overlap;
    if (overlap <= 0)
        return state;
    if (frames >= overlap) {
        memcpy(state, x + (frames - overlap) * size, overlap * size);
    } else {
        memmove(state, state + frames * size, (overlap - frames) * size);
        memcpy(state + (overlap - frames) * size, x, frames * size);
    }
    return state + overlap * size;
}

void kws_reset(kws_state *state)
{
    memset(state, 0, sizeof *state);
}

void kws_step(kws_state *state, const int8_t *features, int8_t *logits)
{
    int8_t one[KWS_WIDEST], other[KWS_WIDEST];
    int8_t *x = one, *y = other, *remembered = state->frames;
    memcpy(x, features, KWS_STEP_FRAMES * KWS_FEATURES);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        int8_t *next = y;
        run(&layers[i], remembered, x, y);
        remembered = remember(&layers[i], remembered, x);
        y = x;
        x = next;
    }
    memcpy(logits, x, KWS_LABELS);
}
