// The losses by their numbers.
#pragma once

#include "class_losses.h"
#include "residual_losses.h"

namespace subgrad {

template <class T>
inline const LossLayer<T>& loss_layer(int32_t name) {
    static const CrossEntropyLayer<T> cross_entropy;
    static const ResidualLayer<T, Squared<T>> squared;
    static const ResidualLayer<T, Absolute<T>> absolute;
    static const ResidualLayer<T, Bounded<T>> bounded;
    static const ResidualLayer<T, Tilted<T>> tilted;
    static const BceLayer<T> bce;
    static const HingeLayer<T> hinge;
    switch (name) {
        case MSE: return squared;
        case MAE: return absolute;
        case HUBER: return bounded;
        case QUANTILE: return tilted;
        case BCE: return bce;
        case HINGE: return hinge;
        default: return cross_entropy;
    }
}

}  // namespace subgrad
