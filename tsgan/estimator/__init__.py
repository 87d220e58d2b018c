"""The face: `RecurrentGAN`, what it saves, and how it draws."""
