"""What was trained with the original kws_streaming: its flags as our configs, its weights in our layers."""
