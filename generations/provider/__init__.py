"""The vendor's API from our side: wire shapes, errors by what they prove, and the client."""
