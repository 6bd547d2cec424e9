"""What a measurement needs and the product must not know: processes, their CPU, their memory."""
