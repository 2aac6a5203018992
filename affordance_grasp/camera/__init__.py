"""The RealSense camera: device, intrinsics, filters, connection, and diagnosis of its topics."""
