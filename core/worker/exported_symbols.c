/* SPDX-License-Identifier: Apache-2.0
 *
 * Just enough ELF: header, section headers, dynamic symbols and their names.
 * The file is read into memory and nothing in it is believed: each table must
 * lie inside the file, each name must end inside its table.
 */
#include "core/worker/exported_symbols.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"

#define MODULE_FILE_BYTES_MAX ((size_t)256 << 20)

#if __ELF_NATIVE_CLASS == 64
#define NATIVE_CLASS ELFCLASS64
#define SYMBOL_BIND(info) ELF64_ST_BIND(info)
#define SYMBOL_VISIBILITY(other) ELF64_ST_VISIBILITY(other)
#else
#define NATIVE_CLASS ELFCLASS32
#define SYMBOL_BIND(info) ELF32_ST_BIND(info)
#define SYMBOL_VISIBILITY(other) ELF32_ST_VISIBILITY(other)
#endif

/* `count` pieces of `size` bytes at `offset`, or NULL if they are not all
 * inside. */
static const char *
piece(const struct buffer *file, uint64_t offset, uint64_t count, uint64_t size)
{
	if (offset > file->length || size == 0 ||
	    count > (file->length - offset) / size)
		return NULL;
	return file->data + offset;
}

static bool
read_header(const struct buffer *file, ElfW(Ehdr) * header)
{
	const char *start = piece(file, 0, 1, sizeof(*header));

	if (start == NULL)
		return false;
	memcpy(header, start, sizeof(*header));
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	       header->e_ident[EI_CLASS] == NATIVE_CLASS &&
	       header->e_type == ET_DYN &&
	       header->e_shentsize == sizeof(ElfW(Shdr));
}

static bool
read_section(const struct buffer *file, const ElfW(Ehdr) * header,
	     uint64_t index, ElfW(Shdr) * section)
{
	const char *start =
		piece(file, header->e_shoff, header->e_shnum, sizeof(*section));

	if (start == NULL || index >= header->e_shnum)
		return false;
	memcpy(section, start + index * sizeof(*section), sizeof(*section));
	return true;
}

static bool
is_exported(const ElfW(Sym) * symbol)
{
	unsigned bind = SYMBOL_BIND(symbol->st_info);
	unsigned visibility = SYMBOL_VISIBILITY(symbol->st_other);

	return symbol->st_shndx != SHN_UNDEF &&
	       (bind == STB_GLOBAL || bind == STB_WEAK) &&
	       (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

static bool
visit_table(const struct buffer *file, const ElfW(Shdr) * table,
	    const ElfW(Shdr) * names, exported_symbol_fn *visit, void *arg)
{
	uint64_t count = table->sh_size / sizeof(ElfW(Sym));
	const char *symbols =
		piece(file, table->sh_offset, count, sizeof(ElfW(Sym)));
	const char *texts = piece(file, names->sh_offset, names->sh_size, 1);

	if (symbols == NULL || texts == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		ElfW(Sym) symbol;
		size_t room;

		memcpy(&symbol, symbols + i * sizeof(symbol), sizeof(symbol));
		if (!is_exported(&symbol))
			continue;
		if (symbol.st_name >= names->sh_size)
			return false;
		room = names->sh_size - symbol.st_name;
		if (memchr(texts + symbol.st_name, '\0', room) == NULL)
			return false;
		visit(texts + symbol.st_name, arg);
	}
	return true;
}

static bool
visit_file(const struct buffer *file, exported_symbol_fn *visit, void *arg)
{
	ElfW(Ehdr) header;

	if (!read_header(file, &header))
		return false;
	for (uint64_t i = 0; i < header.e_shnum; i++) {
		ElfW(Shdr) section, names;

		if (!read_section(file, &header, i, &section))
			return false;
		if (section.sh_type == SHT_DYNSYM)
			return read_section(file, &header, section.sh_link,
					    &names) &&
			       visit_table(file, &section, &names, visit, arg);
	}
	return false;
}

enum portico_status
exported_symbols_visit(const char *path, exported_symbol_fn *visit, void *arg,
		       struct portico_error *err)
{
	enum portico_status status;
	struct buffer file;

	buffer_init(&file, 0);
	status = io_read_file(path, MODULE_FILE_BYTES_MAX, &file, err);
	if (status == PORTICO_OK && !visit_file(&file, visit, arg))
		status = error_set(err, PORTICO_INVALID,
				   "%s: not an ELF shared object with a "
				   "dynamic symbol table",
				   path);
	buffer_fini(&file);
	return status;
}
