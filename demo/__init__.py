"""The product's main job, played against itself over real HTTP and then checked."""
