"""What all rooms share: the page around the page, headers, errors, forms, filters, paging."""
