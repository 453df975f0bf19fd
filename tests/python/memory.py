# SPDX-License-Identifier: MIT
"""Memory for models from Python, as normnet_config.allocate and deallocate."""
import ctypes

import normnet


def functions(held, freed):
    """The two functions. `held` gets the blocks by address, while they are in use, `freed` the sizes of the others."""
    @normnet.Allocate
    def allocate(_, size, alignment):
        block = ctypes.create_string_buffer(size + alignment)
        address = -(-ctypes.addressof(block) // alignment) * alignment
        held[address] = block
        return address

    @normnet.Deallocate
    def deallocate(_, address, size):
        freed.append(size)
        del held[address]

    return {"allocate": allocate, "deallocate": deallocate}
