"""A plan, the arm and its motion as a scene in the browser, and a page that drives a pick."""
