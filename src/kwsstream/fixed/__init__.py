"""Networks in eight bits and powers of two, as CMSIS-NN's q7 kernels compute them, for ML-KWS-for-MCU's devices.

A number of a tensor with `dec_bits` d is an int8 q that stands for q / 2^d; d may be negative, or above 7.
A network is quantised (network.py) with formats found on training clips (search.py), runs in whole numbers whole and
streamed (layers.py), and becomes weights.h (header.py), which kws.c streams through bit for bit.
"""
